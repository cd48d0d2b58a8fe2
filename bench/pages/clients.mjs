// The peers, each in its best configuration. Each takes a token, and gives a function from a path to its JSON.
import {OAuth2Client, OAuth2Fetch} from '@badgateway/oauth2-client';
import axios from 'axios';
import {createAuthRefresh} from 'axios-auth-refresh';

const renew = async instance => (await instance.post('/auth/refresh', null, {skipAuthRefresh: true})).data.access_token;

// The floor: the browser's own fetch. It can't renew a token, so it gets a valid one.
function native(token) {
  const headers = {Authorization: `Bearer ${token}`};
  return async path => (await fetch(path, {headers})).json();
}

function axiosAuthRefresh(token, options) {
  const instance = axios.create();
  const carry = config => {
    config.headers.Authorization = `Bearer ${token}`;
    return config;
  };
  instance.interceptors.request.use(carry);
  createAuthRefresh(instance, async () => (token = await renew(instance)), options(carry));
  return async path => (await instance.get(path)).data;
}

// With `deduplicateRefresh: false` each request with a 401 waits for the one running refresh, and is sent again.
const axiosRefresh = token => axiosAuthRefresh(token, onRetry => ({deduplicateRefresh: false, onRetry}));

// As it comes: while the refresh for the first 401 runs, every other 401 is handed to its caller.
const axiosRefreshDefault = token => axiosAuthRefresh(token, () => ({}));

// What the tutorials print: a flag, and a queue of the requests that failed while it was set. Line by line after the gist
// that they copy, Godofbrowser's axios.refresh-queue.js; only this server's names are put in.
function axiosQueue(token) {
  const instance = axios.create();
  instance.defaults.headers.common.Authorization = `Bearer ${token}`;
  let isRefreshing = false;
  let failedQueue = [];
  const processQueue = (error, fresh = null) => {
    failedQueue.forEach(prom => (error ? prom.reject(error) : prom.resolve(fresh)));
    failedQueue = [];
  };
  instance.interceptors.response.use(
    response => response,
    error => {
      const originalRequest = error.config;
      if (error.response?.status !== 401 || originalRequest._retry) return Promise.reject(error);
      if (isRefreshing) {
        return new Promise((resolve, reject) => failedQueue.push({resolve, reject})).then(fresh => {
          originalRequest.headers.Authorization = `Bearer ${fresh}`;
          return instance(originalRequest);
        });
      }
      originalRequest._retry = true;
      isRefreshing = true;
      return new Promise((resolve, reject) => {
        renew(axios)
          .then(fresh => {
            instance.defaults.headers.common.Authorization = `Bearer ${fresh}`;
            originalRequest.headers.Authorization = `Bearer ${fresh}`;
            processQueue(null, fresh);
            resolve(instance(originalRequest));
          })
          .catch(failure => {
            processQueue(failure, null);
            reject(failure);
          })
          .finally(() => (isRefreshing = false));
      });
    },
  );
  return async path => (await instance.get(path)).data;
}

function oauth2Client(token) {
  const client = new OAuth2Client({server: `${location.origin}/`, clientId: 'bench', tokenEndpoint: '/auth/token'});
  const stored = {accessToken: token, refreshToken: 'bench', expiresAt: Date.now() + 3_600_000};
  const wrapper = new OAuth2Fetch({client, getNewToken: () => null, getStoredToken: () => stored, scheduleRefresh: false});
  return async path => (await wrapper.fetch(path)).json();
}

export const clients = {native, axiosRefresh, axiosRefreshDefault, axiosQueue, oauth2Client};
